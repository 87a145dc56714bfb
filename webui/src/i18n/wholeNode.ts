/** The words of a node's pages, which are loaded with them. */
import { nodePages } from "./en/nodePages";
import { addWords } from "./index";

addWords(nodePages);
