"""Language models: the port to one by HTTP, and the credits that its use costs.

A model is given instructions of the gateway and data of users, which are quoted. It is given no
tools, and its answer is read as data of a declared form: nothing that it says is carried out.
"""
