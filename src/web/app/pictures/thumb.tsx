import { useRef, useState } from 'preact/hooks';
import { server } from './addresses.ts';

export interface ThumbProps {
  run: string;
  at: number;
  alt: string;
  width: number;
  height: number;
  /** Not to be fetched now; a picture that is there already stays. */
  hold?: boolean;
}

/** A picture in small; in the place of one that cannot be shown, words that say so. Its room is kept while it loads. */
export function Thumb({ hold = false, ...props }: ThumbProps) {
  const [broken, setBroken] = useState(false);
  const shown = useRef(false);
  shown.current ||= !hold;
  if (!shown.current) {
    return (
      <span class="thumb thumb-waiting" style={{ height: `${props.height}px` }}>
        <span class="visually-hidden">{props.alt}</span>
      </span>
    );
  }
  if (broken) {
    return (
      <span class="thumb thumb-broken" style={{ height: `${props.height}px` }}>
        <span class="visually-hidden">{props.alt}, </span>
        cannot be shown
      </span>
    );
  }
  return (
    <img
      class="thumb"
      src={server.thumb(props.run, props.at)}
      alt={props.alt}
      width={props.width}
      height={props.height}
      loading="lazy"
      decoding="async"
      onError={() => setBroken(true)}
    />
  );
}
