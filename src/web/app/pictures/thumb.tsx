import { useState } from 'preact/hooks';
import { server } from './addresses.ts';

/** A picture in small; in the place of one that cannot be shown, words that say so. Its room is kept while it loads. */
export function Thumb(props: { run: string; at: number; alt: string; width: number; height: number }) {
  const [broken, setBroken] = useState(false);
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
