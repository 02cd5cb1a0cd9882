// Choosing what a token may do. Nothing is ticked by itself: everything is a choice of its own.
import { useId } from "preact/hooks";
import { Icon } from "./parts.jsx";

/** `whose`: the account, or null if it is the own one. `value`: {full, acls, readOnly}. `acls`: what can be given, with group, description and warning. */
export function Permissions({ whose, acls, value, onChange, problem }) {
  const id = useId();
  const groups = groupBy(acls);
  const set = (change) => onChange({ ...value, ...change });
  const tick = (name, on) => set({ acls: on ? [...value.acls, name] : value.acls.filter((other) => other !== name) });
  return (
    <fieldset>
      <legend>What may it do?</legend>
      <label class="choice">
        <input type="radio" name={id} checked={!value.full} onChange={() => set({ full: false })} />
        Only what I tick here
      </label>
      {!value.full && (
        <div class="groups">
          {[...groups].map(([group, members]) => (
            <fieldset key={group} class="group">
              <legend>{group}</legend>
              {members.map((acl) => (
                <Choice key={acl.name} acl={acl} checked={value.acls.includes(acl.name)} onTick={(on) => tick(acl.name, on)} />
              ))}
            </fieldset>
          ))}
          {acls.length === 0 && <p>This account has no permissions to give.</p>}
        </div>
      )}
      <label class="choice">
        <input type="radio" name={id} checked={value.full} onChange={() => set({ full: true })} />
        Everything {whose === null ? "I have" : `${whose} has`}, now and later
      </label>
      {value.full && (
        <p class="warning">
          <Icon name="warning" /> Whoever holds this token can do all that the account can do through the API.
        </p>
      )}
      <label class="choice">
        <input type="checkbox" checked={value.readOnly} onChange={(event) => set({ readOnly: event.target.checked })} />
        Read only: it may look, and change nothing
      </label>
      {problem && <p class="problem"><Icon name="warning" /> {problem}</p>}
    </fieldset>
  );
}

function Choice({ acl, checked, onTick }) {
  const id = useId();
  return (
    <div class="acl">
      <label class="choice">
        <input type="checkbox" checked={checked} aria-describedby={id} onChange={(event) => onTick(event.target.checked)} />
        {acl.name}
      </label>
      <p class="hint" id={id}>
        {acl.description}
        {acl.warning && <span class="warning"><Icon name="warning" /> {acl.warning}</span>}
      </p>
    </div>
  );
}

function groupBy(acls) {
  const groups = new Map();
  for (const acl of acls) groups.set(acl.group, [...(groups.get(acl.group) ?? []), acl]);
  return groups;
}

/** A token's permissions in few words. */
export function permissionWords(token) {
  const what = token.full_access ? "everything the account may" : token.acls.join(", ") || "nothing";
  return token.read_only ? `${what} (read only)` : what;
}
