"""Networks in processes of their own: loading and running them holds up no thread of the window,
and a crash takes only them.
"""
