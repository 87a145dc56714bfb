"""The three grammars of the configuration tree, one module each. Rows of keys are declared elsewhere; these parse."""
