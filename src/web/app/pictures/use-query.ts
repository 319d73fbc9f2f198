import { useMemo } from 'preact/hooks';
import { useSearch } from 'wouter-preact';
import { parseQuery, type PictureQuery, PictureQueryError } from '../../../shared/picture-query.ts';

/** The query in the address, and what is wrong with it; then nothing of it holds. */
export function useQuery(): { query: PictureQuery; wrong: PictureQueryError | null } {
  // The router's own text of it is decoded already, which a second decoding would spoil.
  useSearch();
  const { search } = window.location;
  return useMemo(() => {
    try {
      return { query: parseQuery(new URLSearchParams(search)), wrong: null };
    } catch (error) {
      if (error instanceof PictureQueryError) return { query: {}, wrong: error };
      throw error;
    }
  }, [search]);
}
