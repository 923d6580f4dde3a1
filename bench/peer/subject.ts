import { postgresql } from './postgresql.ts';
import { sqlite } from './sqlite.ts';
import { strata } from './strata.ts';
import { run, type Subject, type Workload } from './workload.ts';

// One measurement in a process of its own: `subject.ts NAME WORKLOAD-AS-JSON` prints its outcome as the last line.

const subjects: { readonly [name: string]: () => Promise<Subject> } = { strata, postgresql, sqlite };

const [name = '', workload = ''] = process.argv.slice(2);
const open = subjects[name];
if (open === undefined) throw new Error(`there is no subject ${name}`);
const subject = await open();
try {
  const outcome = await run(subject, JSON.parse(workload) as Workload);
  console.log(JSON.stringify(outcome));
} finally {
  await subject.close();
}
