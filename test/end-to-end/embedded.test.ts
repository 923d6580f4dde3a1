import { endToEndSuite } from './end-to-end.suite.ts';

endToEndSuite('the embedded engines', () => ({}));
