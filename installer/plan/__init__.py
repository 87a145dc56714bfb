"""Pure planning: a machine, answers and a seed for ids -> the actions of an installation."""
