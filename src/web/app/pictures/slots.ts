/** An element of the page for a place of a long list: `key` names the element. */
export interface Slot {
  place: number;
  key: number;
}

/** Gives each place that is drawn an element, which it keeps as long as it is drawn. */
export interface Slots {
  /**
   * Elements for the places that are drawn now. To `reuse` is to give the elements of places that are no longer drawn to
   * new ones, which is cheaper than to make and throw away some; they are then in the elements' order, so that none has
   * to be moved. Otherwise they are in the places' order, which is the one that a screen reader reads.
   */
  assign(places: readonly number[], reuse: boolean): Slot[];
}

export function createSlots(): Slots {
  let keys = new Map<number, number>();
  let made = 0;
  return {
    assign(places, reuse) {
      const now = new Set(places);
      const free = reuse ? [...keys].filter(([place]) => !now.has(place)).map(([, key]) => key) : [];
      const next = new Map<number, number>();
      for (const place of places) next.set(place, keys.get(place) ?? free.shift() ?? made++);
      keys = next;
      const slots = places.map((place) => ({ place, key: next.get(place) ?? NaN }));
      return reuse ? slots.sort((a, b) => a.key - b.key) : slots;
    },
  };
}
