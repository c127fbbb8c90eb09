"""The read model of the data plane: which functions exist.

Contract: gives ``core.model.function.Function`` values by namespace and name and reports changes.
On a cluster it lists and watches over plain HTTP (``cluster``, ``watch_state``) and keeps its last
good state while the API server cannot be reached; in local mode it reads the same YAML from files
(``files``). Both fill one ``index``. Never imports ``kubernetes``: the gateway must stay small.
"""
