// The small things that every view is made of.
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { relative } from "./time.js";

const SHAPES = {
  warning: "M12 3 1.8 21h20.4L12 3Zm0 6v6m0 2.6v.4",
  ended: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20ZM8 8l8 8m0-8-8 8",
};

/** Always beside words that say the same. */
export function Icon({ name }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}

/** A view's heading takes the focus when the view appears, so that a screen reader begins there. */
export function Heading({ children }) {
  const ref = useRef(null);
  useEffect(() => ref.current.focus(), []);
  return <h1 ref={ref} tabIndex={-1}>{children}</h1>;
}

/** A labelled input with its rule below and, if there is one, what is wrong with it. `children(props)` makes the input. */
export function Field({ label, hint, problem, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": problem ? "true" : undefined })}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {problem && <p class="problem" id={`${id}-problem`}><Icon name="warning" /> {problem}</p>}
    </div>
  );
}

/** What went wrong with a whole form or view; read out when it appears. */
export function Problem({ children }) {
  return children ? <p class="problem banner" role="alert"><Icon name="warning" /> {children}</p> : null;
}

export function LastUse({ token, session }) {
  if (token.last_used_unix_s === null) return <>not seen yet</>;
  return (
    <>
      {relative(token.last_used_unix_s, session.now_unix_s)}
      {token.last_address && <span class="hint"> from {token.last_address}</span>}
    </>
  );
}

/** A question before something that cannot be undone. `onConfirm` may fail: the dialog stays and says why. */
export function Confirm({ title, confirm, onConfirm, onCancel, children }) {
  const ref = useRef(null);
  const id = useId();
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog.showModal();
    return () => dialog.close(); // gives the focus back to the button that asked, as long as both are there
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return (
    <dialog ref={ref} aria-labelledby={id} onCancel={(event) => { event.preventDefault(); onCancel(); }}>
      <form onSubmit={submit}>
        <h2 id={id}>{title}</h2>
        {children}
        <Problem>{problem}</Problem>
        <div class="actions">
          <button type="button" onClick={onCancel} autoFocus>Cancel</button>
          <button type="submit" class="danger" disabled={busy}>{confirm}</button>
        </div>
      </form>
    </dialog>
  );
}
