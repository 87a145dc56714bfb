/** The words of the page of a guest, which are loaded with it. */
import { guestActions } from "./en/guestActions";
import { addWords } from "./index";

addWords(guestActions);
