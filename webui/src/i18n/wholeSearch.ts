/** The words of the search, which are loaded with it. */
import { search } from "./en/search";
import { addWords } from "./index";

addWords(search);
