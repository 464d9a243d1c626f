"""N15: put on a process's import path, this folder's `sitecustomize` lets its wall clock jump."""
