/** Limits of the runs. */

/** Of the nodes that are played with. */
export const shards = 8;

/** Many times what any fault should take, on a machine that is busy with other things. */
export const recoveryDeadlineMs = 120_000;
