"""The commands of the workbench, a module each, named as they are called."""
