import { useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../../api.ts';

export interface StageProps {
  src: string;
  alt: string;
  /** One pixel of the picture is one of the screen's; else it fits. */
  zoomed: boolean;
  onZoom: () => void;
}

/** A picture in full size. One that cannot be shown says why, in the server's words. */
export function Stage({ src, alt, zoomed, onZoom }: StageProps) {
  const [state, setState] = useState<{ src: string; loaded: boolean; problem: string | null }>();
  const { loaded, problem } = state?.src === src ? state : { loaded: false, problem: null };
  const box = useRef<HTMLDivElement>(null);
  const clicked = useRef({ x: 0.5, y: 0.5 });

  useEffect(() => {
    const { current } = box;
    if (!zoomed || current === null) return;
    // What was clicked comes to the middle.
    current.scrollTo(
      clicked.current.x * current.scrollWidth - current.clientWidth / 2,
      clicked.current.y * current.scrollHeight - current.clientHeight / 2,
    );
    clicked.current = { x: 0.5, y: 0.5 };
  }, [zoomed, src]);

  if (problem !== null) {
    return (
      <div class="stage stage-broken" role="group" aria-label={alt}>
        <p class="notice-title">This picture cannot be shown</p>
        <p>{problem}</p>
      </div>
    );
  }
  return (
    <div
      ref={box}
      class={`stage ${zoomed ? 'stage-zoomed' : ''} ${loaded ? '' : 'stage-loading'}`}
      {...(zoomed && {
        tabIndex: 0,
        role: 'region',
        'aria-label': 'Picture in its own size, to be scrolled',
      })}
    >
      <img
        key={src}
        class="stage-picture"
        src={src}
        alt={alt}
        onClick={(event) => {
          const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
          clicked.current = { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
          onZoom();
        }}
        onLoad={() => setState({ src, loaded: true, problem: null })}
        onError={() => void whyNot(src).then((why) => setState({ src, loaded: true, problem: why }))}
      />
    </div>
  );
}

/** An element tells nothing of why it has no picture: the server is asked again, for its words. */
async function whyNot(src: string): Promise<string> {
  try {
    const response = await fetch(src, { headers: { accept: 'application/json' } });
    if (response.ok) return 'Its bytes are no picture that this browser can draw.';
    return ((await response.json()) as Problem).problem;
  } catch {
    return 'The page’s server does not answer, or not in its own words.';
  }
}
