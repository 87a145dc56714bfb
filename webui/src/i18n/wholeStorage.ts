/** The words of the page of a storage, which are loaded with it. */
import { storages } from "./en/storages";
import { addWords } from "./index";

addWords(storages);
