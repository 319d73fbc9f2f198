/** Values made on demand; the last so many that were asked for are kept. */
export interface Recent<T> {
  /** The value under `key`, made at most once at a time. A failure is not kept. */
  get(key: string, make: () => Promise<T>): Promise<T>;
}

export function createRecent<T>(most: number): Recent<T> {
  const values = new Map<string, Promise<T>>();
  return {
    get(key, make) {
      const known = values.get(key);
      const value = known ?? make();
      // The last one of the map is the one asked for last.
      values.delete(key);
      values.set(key, value);
      if (known !== undefined) return value;
      value.catch(() => {
        if (values.get(key) === value) values.delete(key);
      });
      for (const oldest of values.keys()) {
        if (values.size <= most) break;
        values.delete(oldest);
      }
      return value;
    },
  };
}
