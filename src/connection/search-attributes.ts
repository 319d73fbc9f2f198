import type { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../shared/names.ts';
import { GRPC, grpcCode, isDenied } from './grpc.ts';

/** Any connection of the SDK, a client's or a worker's. */
type Services = Pick<Connection, 'operatorService' | 'workflowService'>;

/** IndexedValueType of the Temporal API, for the types that our attributes have. */
const VALUE_TYPES: Record<string, number> = { Keyword: 2, Bool: 5 };

export interface AttributesThere {
  /** Ours that the namespace has. */
  known: string[];
  /** Of these, those of another type than we need; `null` when the server does not tell types. */
  odd: string[] | null;
}

/**
 * Which of our search attributes a namespace has. Where the operator's service is closed, as at Temporal Cloud, each is
 * asked for by a count, which a server refuses when it does not know the name. Rejects when the server tells neither.
 */
export async function searchAttributesThere(
  { operatorService, workflowService }: Services,
  namespace: string,
): Promise<AttributesThere> {
  const ours = Object.entries(SEARCH_ATTRIBUTES);
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    const known = ours.filter(([name]) => name in customAttributes);
    const odd = known.filter(([name, type]) => Number(customAttributes[name]) !== VALUE_TYPES[type]);
    return { known: namesOf(known), odd: namesOf(odd) };
  } catch (error) {
    if (!isDenied(error) && grpcCode(error) !== GRPC.unimplemented) throw error;
  }
  const asked = await Promise.all(
    ours.map(async ([name, type]) => {
      try {
        const query = `${name} = ${type === 'Bool' ? 'true' : "'none'"}`;
        await workflowService.countWorkflowExecutions({ namespace, query });
        return true;
      } catch (error) {
        if (grpcCode(error) === GRPC.invalidArgument) return false;
        throw error;
      }
    }),
  );
  return { known: namesOf(ours.filter((_, i) => asked[i])), odd: null };
}

const namesOf = (some: readonly (readonly [string, string])[]): string[] => some.map(([name]) => name);
