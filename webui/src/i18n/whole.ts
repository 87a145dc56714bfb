/** The words of the views of the whole cluster, which are loaded with them. */
import { cluster } from "./en/cluster";
import { ha } from "./en/ha";
import { options } from "./en/options";
import { people } from "./en/people";
import { addWords } from "./index";

addWords({ ...cluster, ...ha, ...options, ...people });
