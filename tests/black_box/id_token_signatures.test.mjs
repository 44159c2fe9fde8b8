import { describeIdTokenCases } from './harness/id_token_cases.mjs';
import { SIGNATURE_CASES } from './cases/signatures.mjs';

describeIdTokenCases('signatures and keys of ID tokens', SIGNATURE_CASES);
