import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

/** A control with its name above it. */
export function Field(props: { label: string; children: (id: string) => ComponentChildren }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children(id)}
    </div>
  );
}

export interface Option {
  value: string;
  text: string;
}

export function Select(props: {
  label: string;
  value: string;
  options: readonly Option[];
  onChange: (value: string) => void;
}) {
  return (
    <Field label={props.label}>
      {(id) => (
        <select
          id={id}
          class="select"
          value={props.value}
          onChange={({ currentTarget }) => props.onChange(currentTarget.value)}
        >
          {props.options.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** Tells of what was typed once nothing more has been typed for this long. */
const TYPED_MS = 250;

/** Text to search for. `value` is that of the address; what is being typed goes before it. */
export function SearchField(props: {
  label: string;
  value: string;
  placeholder?: string;
  onChange: (value: string) => void;
}) {
  const [typed, setTyped] = useState(props.value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const told = useRef(props.value);
  useEffect(() => {
    // The address changed by another way than this field: back, a link.
    if (props.value !== told.current) setTyped(props.value);
    told.current = props.value;
  }, [props.value]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const tell = (value: string): void => {
    clearTimeout(timer.current);
    if (value.trim() === told.current) return;
    told.current = value.trim();
    props.onChange(told.current);
  };
  const type = (value: string): void => {
    setTyped(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => tell(value), TYPED_MS);
  };

  return (
    <Field label={props.label}>
      {(id) => (
        <input
          id={id}
          type="search"
          class="input"
          value={typed}
          placeholder={props.placeholder}
          autocomplete="off"
          onInput={({ currentTarget }) => type(currentTarget.value)}
          onKeyDown={({ key, currentTarget }) => {
            if (key === 'Enter') tell(currentTarget.value);
          }}
        />
      )}
    </Field>
  );
}
