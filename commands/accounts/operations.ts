/** What credits are spent on. Their order is part of a debit's packed form: append only. */
export const OPERATIONS = ['upload', 'download', 'pin'] as const;
