/** Where somebody was in a grid of pictures: the picture's rank in it, and how far the page was scrolled. */
export interface Place {
  rank: number;
  /** `null`: wherever shows the picture. */
  scrollY: number | null;
}

const KEY = 'image-analysis-places';
const MOST = 30;

type Places = [address: string, place: Place][];

/** The places with one more, the newest last; a grid of which there are {@link MOST} newer ones is forgotten. */
const withPlace = (places: Places, address: string, place: Place): Places =>
  [...places.filter(([known]) => known !== address), [address, place] as Places[number]].slice(-MOST);

const read = (): Places => {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as Places;
  } catch {
    return [];
  }
};

/** Keeps a place for as long as the tab is open, a reload included. A browser without storage forgets it. */
export function rememberPlace(address: string, place: Place): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(withPlace(read(), address, place)));
  } catch {
    // Then one returns to the grid's top.
  }
}

export const placeIn = (address: string): Place | undefined =>
  read().find(([known]) => known === address)?.[1];

let returning: string | null = null;

/** Somebody looks at one picture of that grid. */
export const leaveFor = (address: string): void => void (returning = address);

/** Whether somebody comes back to that grid from one of its pictures; says so once. */
export function comesBackTo(address: string): boolean {
  const back = returning === address;
  returning = null;
  return back;
}
