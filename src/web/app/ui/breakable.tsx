import { Fragment } from 'preact';

/** A long name that may be broken after each of its separators, rather than anywhere: `CLOCK_TOWER_10.jpg`. */
export function Breakable({ text }: { text: string }) {
  return (
    <>
      {text.split(/(?<=[_/.-])/).map((part, n) => (
        <Fragment key={n}>
          {n > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  );
}
