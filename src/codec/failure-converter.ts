import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts a failure's message and stack, and those of its causes, into a payload, which the codec then encrypts. Temporal
 * loads it by its path, in the worker and in the workflows' sandbox, and asks for this name.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
