"""The installer of the live system: facts about the machine + an answer file -> a list of actions -> execution."""
