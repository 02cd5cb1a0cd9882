// When a token ends: never, or at the end of a day of the server's.
import { useId, useState } from "preact/hooks";
import { day } from "./time.js";
import { Icon } from "./parts.jsx";

/** `value`: "YYYY-MM-DD", or null for never. */
export function Expiry({ session, value, onChange, problem }) {
  const id = useId();
  const preset = day(session.now_unix_s, session.time_zone, 1);
  // An end that is past already may stay while other things are changed.
  const [earliest] = useState([day(session.now_unix_s, session.time_zone), value ?? preset].sort()[0]);
  return (
    <fieldset>
      <legend>Should it expire?</legend>
      <label class="choice">
        <input type="radio" name={id} checked={value === null} onChange={() => onChange(null)} />
        It will not expire
      </label>
      <label class="choice">
        <input type="radio" name={id} checked={value !== null} onChange={() => onChange(preset)} />
        It ends on a date
      </label>
      {value !== null && (
        <div class="field">
          <label for={`${id}-date`}>Last day</label>
          <input id={`${id}-date`} type="date" required value={value} min={earliest}
            aria-describedby={`${id}-hint`} onInput={(event) => onChange(event.target.value)} />
          <p class="hint" id={`${id}-hint`}>It works until 23:59:59 of that day, in the server's time zone ({session.time_zone}).</p>
        </div>
      )}
      {problem && <p class="problem"><Icon name="warning" /> {problem}</p>}
    </fieldset>
  );
}
