/** Names under which values that are no classes are wired. */
export const LOGGER = Symbol('logger');
export const PROBES = Symbol('probes');
