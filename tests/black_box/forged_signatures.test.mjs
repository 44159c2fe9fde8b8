import { FORGERY_CASES } from './cases/forged_signatures.mjs';
import { describeIdTokenCases } from './harness/id_token_cases.mjs';

describeIdTokenCases('forged signatures of ID tokens', FORGERY_CASES);
