"""One module a stage of the loop: a plain function, and beside it its Prefect task.

The plain function does the work and needs no server; the task adds name, retries and limits.
Stages take the home folder as text, so that a flow's parameters are plain JSON.
"""
