/** One thing of a street each, as SVG, standing on the point (0, 0), with a height or width of about 100 units. */

const PAINTS = ['#c9473f', '#3f6fb0', '#e8e6df', '#8d949c', '#2f3b45', '#d8a53a', '#5d8f6a', '#a3623f'];
const CLOTHES = ['#d9643a', '#3a6ea5', '#7b4fa3', '#2f8f6b', '#c2b04a', '#b5385f', '#e3ded2', '#44525e'];
const SKINS = ['#8a5a3c', '#a06a45', '#6f4730'];

export type Kind = 'car' | 'auto' | 'bus';

const at = <T>(choices: readonly T[], i: number): T => choices[i % choices.length] as T;

/** A vehicle seen from behind, or from the front with its lights on. */
export function vehicle(kind: Kind, facing: 'away' | 'front', i: number, lit: boolean): string {
  const lamp = facing === 'front' ? (lit ? '#fff7cf' : '#f4efd8') : lit ? '#ff4a36' : '#b9281c';
  const beam =
    lit && facing === 'front'
      ? '<ellipse cx="-34" cy="-30" rx="22" ry="15" fill="#fff3b0" opacity=".35"/><ellipse cx="34" cy="-30" rx="22" ry="15" fill="#fff3b0" opacity=".35"/>'
      : '';
  const lamps = (y: number): string =>
    `<rect x="-45" y="${y}" width="17" height="9" rx="3" fill="${lamp}"/><rect x="28" y="${y}" width="17" height="9" rx="3" fill="${lamp}"/>${beam}`;
  const shadow = '<ellipse cx="0" cy="0" rx="58" ry="9" fill="#000" opacity=".28"/>';
  const wheels =
    '<rect x="-46" y="-14" width="17" height="16" rx="4" fill="#1b1c1e"/><rect x="29" y="-14" width="17" height="16" rx="4" fill="#1b1c1e"/>';
  const plate = `<rect x="-13" y="-22" width="26" height="8" rx="1" fill="${facing === 'front' ? '#f2f2ee' : '#f4d75a'}"/>`;
  if (kind === 'bus') {
    const paint = at(['#c2402f', '#2f7a5b', '#33629c'], i);
    return `${shadow}${wheels}<rect x="-54" y="-128" width="108" height="122" rx="9" fill="${paint}"/><rect x="-54" y="-52" width="108" height="10" fill="#f0e3b4"/><rect x="-45" y="-116" width="90" height="50" rx="5" fill="#24323d"/><path d="M-45 -66L-8 -116h22L-24 -66z" fill="#fff" opacity=".12"/>${lamps(-36)}${plate}`;
  }
  if (kind === 'auto') {
    return `${shadow}<rect x="-36" y="-14" width="12" height="16" rx="4" fill="#1b1c1e"/><rect x="24" y="-14" width="12" height="16" rx="4" fill="#1b1c1e"/><path d="M-40 -8v-38q0-6 6-6h68q6 0 6 6v38z" fill="#2f7d46"/><path d="M-36 -50q2 -42 20 -44h32q18 2 20 44z" fill="#e8bf2e"/><rect x="-27" y="-84" width="54" height="32" rx="6" fill="#27333b"/><rect x="-36" y="-34" width="11" height="9" rx="4" fill="${lamp}"/><rect x="25" y="-34" width="11" height="9" rx="4" fill="${lamp}"/>${plate}`;
  }
  const paint = at(PAINTS, i);
  return `${shadow}${wheels}<path d="M-52 -8v-28q0-12 12-14l10-4h60l10 4q12 2 12 14v28q0 3-4 3h-96q-4 0-4-3z" fill="${paint}"/><path d="M-38 -52l10-27q2-6 9-6h38q7 0 9 6l10 27z" fill="${paint}"/><path d="M-31 -52l8-22q2-5 7-5h32q5 0 7 5l8 22z" fill="#26333d"/><path d="M-31 -52l8-22q2-5 7-5h12l-14 27z" fill="#fff" opacity=".16"/><path d="M-52 -18h104v10q0 3-4 3h-96q-4 0-4-3z" fill="#000" opacity=".18"/>${lamps(-42)}${plate}`;
}

/** A person; every third carries a bag, every second wears a long garment. */
export function person(i: number): string {
  const skin = at(SKINS, i);
  const cloth = at(CLOTHES, i * 3 + 1);
  const legs =
    i % 2 === 0
      ? `<path d="M-11 -42h22l5 40h-32z" fill="${at(CLOTHES, i + 4)}"/>`
      : `<path d="M-10 -44h9v42h-8zM1 -44h9l-1 42h-8z" fill="#33404c"/>`;
  return `<ellipse cx="0" cy="0" rx="18" ry="4" fill="#000" opacity=".28"/>${legs}<path d="M-14 -44v-28q0-9 9-9h10q9 0 9 9v28z" fill="${cloth}"/><path d="M-14 -72l-6 30 5 1 5-24zM14 -72l6 30-5 1-5-24z" fill="${cloth}"/><circle cx="-17" cy="-40" r="3.4" fill="${skin}"/><circle cx="17" cy="-40" r="3.4" fill="${skin}"/><circle cx="0" cy="-91" r="10" fill="${skin}"/><path d="M-10 -91a10 10 0 0 1 20 0q-4-5-10-5t-10 5z" fill="#1d1714"/>`;
}

export function bag(i: number): string {
  const tone = at(['#23262b', '#2d3136', '#3b5a48', '#20242c'], i);
  return `<ellipse cx="0" cy="0" rx="44" ry="8" fill="#000" opacity=".25"/><path d="M-38 -2q-12-44 20-60l8-6h18l8 6q34 16 22 60q-38 8-76 0z" fill="${tone}"/><path d="M-12 -66l-6-18 14 9 6-12 6 12 13-8-7 18z" fill="${tone}"/><path d="M-24 -10q-6-28 10-42" stroke="#fff" stroke-opacity=".22" stroke-width="5" fill="none" stroke-linecap="round"/>`;
}

export function heap(): string {
  const bits = [
    ['#c94f3f', -40, -14],
    ['#e9e4d4', -12, -34],
    ['#4f86b8', 22, -20],
    ['#d9b54a', 44, -10],
    ['#e9e4d4', -60, -7],
    ['#6f9a55', 4, -12],
    ['#b9b4a6', -28, -26],
  ]
    .map(([fill, x, y]) => `<rect x="${x}" y="${y}" width="17" height="10" rx="2" fill="${fill}" transform="rotate(${(Number(x) * 7) % 50} ${x} ${y})"/>`)
    .join('');
  return `<ellipse cx="0" cy="2" rx="92" ry="11" fill="#000" opacity=".22"/><path d="M-88 0q18-16 34-20t22-16q20-18 36-6t26 12q30 4 58 30q-88 10-176 0z" fill="#6b5a45"/><path d="M-60 -8q20-14 40-12t40-4q24 2 40 14" stroke="#4d4031" stroke-width="5" fill="none"/>${bits}`;
}

/** A hole in the asphalt; every second holds water. */
export function pothole(i: number): string {
  const water = i % 2 === 1 ? '<path d="M-30 2q6-10 34-9t30 9q-10 8-32 8t-32-8z" fill="#7d93a3" opacity=".8"/>' : '';
  return `<path d="M-62 2q-4-14 18-18t30-4q14-6 34 0t38 12q10 12-12 20t-42 8q-20 4-40-2t-26-16z" fill="#8b857a"/><path d="M-50 2q-2-10 16-12t26-4q14-4 28 1t28 9q8 8-10 13t-34 6q-16 3-32-2t-22-11z" fill="#2a2826"/>${water}`;
}

/** The sign: red ring and slash on blue, on a post of 230 units. */
export function noParkingSign(): string {
  return '<rect x="-4" y="-230" width="8" height="230" fill="#8e9499"/><circle cx="0" cy="-232" r="46" fill="#f3f3ef"/><circle cx="0" cy="-232" r="42" fill="#c9302c"/><circle cx="0" cy="-232" r="31" fill="#2d5fa8"/><path d="M-25 -259l8-8 44 44 -8 8z" fill="#c9302c" transform="translate(-1 8)"/>';
}

export function tree(i: number): string {
  const leaf = at(['#4d7a48', '#5b8a4f', '#436d45'], i);
  return `<ellipse cx="0" cy="0" rx="40" ry="7" fill="#000" opacity=".2"/><path d="M-7 0l3-80h8l3 80z" fill="#6a4d36"/><circle cx="-26" cy="-100" r="34" fill="${leaf}"/><circle cx="26" cy="-104" r="36" fill="${leaf}"/><circle cx="0" cy="-132" r="38" fill="${leaf}"/><circle cx="-10" cy="-122" r="24" fill="#fff" opacity=".08"/>`;
}
