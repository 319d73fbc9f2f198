import type { ComponentChildren, JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { announce } from './live-region.tsx';

type ButtonProps = Omit<JSX.IntrinsicElements['button'], 'class' | 'type'> & {
  kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  /** What it does is under way: it stays where it is and cannot be pressed again. */
  busy?: boolean;
  type?: 'button' | 'submit';
  children: ComponentChildren;
};

export function Button({ kind = 'plain', busy = false, type = 'button', children, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      class={`button button-${kind}`}
      aria-disabled={busy || undefined}
      onClick={busy ? undefined : rest.onClick}
    >
      {children}
      {busy && <span class="visually-hidden"> (under way)</span>}
    </button>
  );
}

/** A command line to be typed elsewhere, with a button that copies it. */
export function Command({ line }: { line: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);

  const copy = async (): Promise<void> => {
    const done = await toClipboard(line);
    // Without a clipboard (a page that is not served securely) the person copies what is selected.
    if (!done && code.current !== null) getSelection()?.selectAllChildren(code.current);
    setCopied(done);
    announce(done ? 'Copied' : 'Selected; copy it with the keyboard');
    setTimeout(() => setCopied(false), 2000);
  };

  return (
    <span class="command">
      <code ref={code}>{line}</code>
      <button type="button" class="button button-quiet" onClick={() => void copy()}>
        {copied ? 'Copied' : 'Copy'}
        <span class="visually-hidden"> the command</span>
      </button>
    </span>
  );
}

async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
