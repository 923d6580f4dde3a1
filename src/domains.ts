import { accounts } from '#commands/accounts/domain.ts';
import { boards } from '#commands/boards/domain.ts';
import { dapps } from '#commands/dapps/domain.ts';
import { photos } from '#commands/photos/domain.ts';
import { refs } from '#commands/refs/domain.ts';
import { system } from '#commands/system/domain.ts';
import type { Domain } from './handling/domain.ts';

/** Every domain that Strata serves: one line each. */
export const domains: readonly Domain[] = [accounts, boards, dapps, photos, refs, system];
