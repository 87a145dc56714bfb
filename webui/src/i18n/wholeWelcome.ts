/** The words of the first-run page, which are loaded with it. */
import { welcome } from "./en/welcome";
import { addWords } from "./index";

addWords(welcome);
