import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '../errors.ts';
import { type DataFolder, dataFolderIn } from './data-folder.ts';
import { requireFinishedRestore } from './restore-marker.ts';
import { openTarget } from './target.ts';
import { verifyBackup } from './verify-backup.ts';
import { verifyData, verifyLog } from './verify-data.ts';
import type { VerifyOptions, VerifyReport } from './verify-report.ts';

/**
 * Verifies what `name` is: a backup, a data folder, or a log's folder alone; the configured data folder where it is `null`.
 * @throws backup.unusable where it is none of these, restore.unfinished
 */
export async function verify(
  name: string | null,
  configured: DataFolder,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const dir = name ?? configured.dir;
  if (dir.startsWith('s3://') || existsSync(join(dir, 'manifests'))) {
    const report = await verifyBackup(await openTarget(dir), options);
    if (report !== null) return report;
  } else {
    requireFinishedRestore(dir);
    const data = name === null ? configured : dataFolderIn(dir);
    if (existsSync(data.logDir)) return verifyData(data, options);
    if (existsSync(join(dir, '00000001.seg'))) return verifyLog(dir, options);
  }
  throw errors.error('backup.unusable', `${dir} is no data folder and no finished backup`);
}
