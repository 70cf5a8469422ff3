// Every model that Modelina makes of the messages has a name.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { TypeScriptGenerator } from '@asyncapi/modelina';

const models = await new TypeScriptGenerator().generate(JSON.parse(readFileSync(process.argv[2], 'utf8')));
const anonymous = models.map(({ modelName }) => modelName).filter((name) => /anonymous/i.test(name));
assert.deepEqual(anonymous, []);
assert(models.length > 50, `${models.length} models`);
