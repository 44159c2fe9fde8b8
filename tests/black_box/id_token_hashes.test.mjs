import { describeIdTokenCases } from './harness/id_token_cases.mjs';
import { HASH_CASES } from './cases/id_token_hashes.mjs';

describeIdTokenCases('hashes and payloads of ID tokens', HASH_CASES);
