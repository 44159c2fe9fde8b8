import { describeIdTokenCases } from './harness/id_token_cases.mjs';
import { CLAIM_CASES } from './cases/id_token_claims.mjs';

describeIdTokenCases('claims of ID tokens', CLAIM_CASES);
