import { overlayText } from './glyphs.ts';
import type { Sample } from './scenes.ts';
import { bag, heap, noParkingSign, person, pothole, tree, vehicle, type Kind } from './things.ts';

/** The picture is composed 1,080 units high; the width follows from its shape. */
const HEIGHT = 1080;
const HORIZON = 300;
const ROAD_HALF = 640;

/** SVG of a sample: a street seen from a camera above it, whose left half drives away from us. */
export function streetSvg(sample: Sample): string {
  const [pixelWidth, pixelHeight] = sample.size;
  const width = Math.round((HEIGHT * pixelWidth) / pixelHeight);
  const things = [...placeThings(sample)].sort((a, b) => a.depth - b.depth);
  const middle = width / 2;
  const drawn = things.map(({ across, depth, size, svg }) => {
    const [x, y, scale] = project(middle, across, depth);
    return `<g transform="translate(${round(x)} ${round(y)}) scale(${round(scale * size)})">${svg}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" width="${pixelWidth}" height="${pixelHeight}">
${background(sample, width)}${road(middle, width)}${drawn.join('\n')}${veil(sample, width)}${overlay(sample)}</svg>`;
}

const round = (n: number): number => Math.round(n * 100) / 100;

/** `across`: -1 left kerb to 1 right kerb, beyond is pavement. `depth`: 0 at the horizon to 1 at the lower edge. */
function project(middle: number, across: number, depth: number): [x: number, y: number, scale: number] {
  const scale = 0.1 + 0.9 * depth;
  return [middle + across * ROAD_HALF * scale, HORIZON + (HEIGHT - HORIZON) * depth, scale];
}

interface Thing {
  across: number;
  depth: number;
  size: number;
  svg: string;
}

function* placeThings(sample: Sample): Generator<Thing> {
  const lit = sample.light === 'dusk' || sample.light === 'night';
  const kinds: Kind[] = ['car', 'auto', 'car', 'bus', 'car', 'auto'];
  const seed = Number(sample.taken.slice(-4));
  const kindOf = (i: number): Kind => kinds[(seed + i) % kinds.length] ?? 'car';
  /** A place in one of two lanes, the nearest first. */
  const inLane = (i: number, lanes: [number, number]): { across: number; depth: number } => ({
    across: lanes[i % 2] ?? 0,
    depth: 0.86 * 0.74 ** Math.floor(i / 2) - (i % 2) * 0.05,
  });

  // The wrong-way vehicles take the nearest places of the left lanes, where they are seen best.
  const left = sample.wrongWay + sample.away;
  for (let i = 0; i < left; i++) {
    const facing = i < sample.wrongWay ? 'front' : 'away';
    yield { ...inLane(i, [-0.27, -0.72]), size: 1.75, svg: vehicle(kindOf(i), facing, seed + i, lit) };
  }
  for (let i = 0; i < sample.coming; i++) {
    yield { ...inLane(i, [0.27, 0.72]), size: 1.75, svg: vehicle(kindOf(i + 2), 'front', seed + i + 3, lit) };
  }
  for (let i = 0; i < sample.parkedAtSign; i++) {
    yield { across: 1.07, depth: 0.64 - i * 0.16, size: 1.7, svg: vehicle('car', 'away', seed + i + 5, false) };
  }
  if (sample.parkedAtSign > 0) yield { across: 1.34, depth: 0.56, size: 1.5, svg: noParkingSign() };
  for (let i = 0; i < sample.parked; i++) {
    yield { across: -1.03, depth: 0.62 - i * 0.2, size: 1.7, svg: vehicle('car', 'away', seed + i + 1, false) };
  }
  for (let i = 0; i < sample.people; i++) yield { ...standing(i, sample.people), size: 1.35, svg: person(seed + i) };
  for (let i = 0; i < sample.bags; i++) {
    const row = Math.floor(i / 3);
    yield { across: -1.14 - (i % 3) * 0.1, depth: 0.66 - row * 0.13 - (i % 2) * 0.03, size: 0.8, svg: bag(i) };
  }
  for (let i = 0; i < sample.heaps; i++) yield { across: -1.3, depth: 0.36, size: 1.3, svg: heap() };
  for (let i = 0; i < sample.potholes; i++) {
    const [across, depth] = HOLES[i % HOLES.length] ?? [0, 0.5];
    yield { across, depth, size: 1.25, svg: pothole(i) };
  }
  for (let i = 0; i < 5; i++) {
    yield { across: -1.95, depth: 0.12 + i * 0.13, size: 1.9, svg: tree(i) };
    yield { across: 1.9, depth: 0.08 + i * 0.14, size: 1.9, svg: tree(i + 1) };
  }
}

/** Behind the nearest vehicles, so that none is hidden where the lanes are not full. */
const HOLES: [across: number, depth: number][] = [
  [0.45, 0.56],
  [-0.5, 0.5],
  [0.2, 0.4],
  [-0.25, 0.58],
];

/** A crowd gathers on the right pavement and spills on to the road; a few people walk on both pavements. */
function standing(i: number, of: number): { across: number; depth: number } {
  if (of < 8) return { across: (i % 2 === 0 ? 1 : -1) * (1.2 + (i % 3) * 0.1), depth: 0.34 + 0.12 * i + (i % 2) * 0.05 };
  const row = Math.floor(i / 6);
  const column = i % 6;
  return { across: 0.93 + column * 0.13 + (row % 2) * 0.06, depth: 0.42 + row * 0.1 + ((i * 5) % 3) * 0.012 };
}

const SKIES: Record<Sample['light'], [top: string, bottom: string]> = {
  day: ['#8fbfe0', '#dcebf2'],
  haze: ['#c3c9c9', '#e9e3d3'],
  dusk: ['#5b5f8d', '#f0a76b'],
  night: ['#131a2b', '#2b3550'],
};

function background(sample: Sample, width: number): string {
  const [top, bottom] = SKIES[sample.light];
  const lit = sample.light === 'night' || sample.light === 'dusk';
  const houses = Array.from({ length: Math.ceil(width / 150) }, (_, i) => {
    const tall = 90 + ((i * 67) % 130);
    const fill = ['#b9a68c', '#a7b0ae', '#c7b79b', '#95a0a6', '#bf9c84'][i % 5];
    const windows = Array.from({ length: Math.floor(tall / 42) }, (__, floor) =>
      [18, 62, 106].map(
        (dx, w) =>
          `<rect x="${i * 150 + dx}" y="${HORIZON - tall + 16 + floor * 42}" width="24" height="20" fill="${lit && (i + floor + w) % 3 === 0 ? '#ffd98a' : '#5b6a73'}"/>`,
      ),
    );
    return `<rect x="${i * 150}" y="${HORIZON - tall}" width="146" height="${tall + 30}" fill="${fill}"/>${windows.flat().join('')}`;
  });
  return `<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${top}"/><stop offset="1" stop-color="${bottom}"/></linearGradient></defs><rect width="${width}" height="${HORIZON}" fill="url(#sky)"/>${houses.join('')}<rect y="${HORIZON}" width="${width}" height="${HEIGHT - HORIZON}" fill="#a89f80"/>`;
}

function road(middle: number, width: number): string {
  const strip = (from: number, to: number, fill: string, near = 1, far = 0): string => {
    const corners = ([[from, far], [to, far], [to, near], [from, near]] as const).map(([across, depth]) => {
      const [x, y] = project(middle, across, depth);
      return `${round(x)},${round(y)}`;
    });
    return `<polygon points="${corners.join(' ')}" fill="${fill}"/>`;
  };
  const dashes = [0.5, -0.5].flatMap((lane) =>
    [0.06, 0.14, 0.26, 0.42, 0.62, 0.86].map((far, i) =>
      strip(lane - 0.012, lane + 0.012, '#e4e2d8', Math.min(1, far + 0.05 + i * 0.016), far),
    ),
  );
  const verge = `<rect y="${HORIZON}" width="${width}" height="10" fill="#8d8a72"/>`;
  return `${verge}${strip(-1.6, 1.6, '#b9b2a5')}${strip(-1.1, 1.1, '#8f8a80')}${strip(-1.05, 1.05, '#55585b')}${strip(-0.022, 0.022, '#e0b93c')}${dashes.join('')}`;
}

const VEILS: Record<Sample['light'], string | null> = {
  day: null,
  haze: 'fill="#e6dfcc" opacity=".3"',
  dusk: 'fill="#6b3a2a" opacity=".2"',
  night: 'fill="#0a1226" opacity=".42"',
};

function veil(sample: Sample, width: number): string {
  const paint = VEILS[sample.light];
  return paint === null ? '' : `<rect width="${width}" height="${HEIGHT}" ${paint}/>`;
}

function overlay(sample: Sample): string {
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)_(..)(..)(..)$/.exec(sample.taken) ?? [];
  const name = sample.camera.replace(/_10_.*$/, '').replaceAll('_', ' ');
  return `${overlayText(`${year}-${month}-${day} ${hour}:${minute}:${second}`, 32, 30, 6)}${overlayText(name, 32, HEIGHT - 60, 4)}`;
}
