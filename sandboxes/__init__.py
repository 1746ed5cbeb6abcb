"""Runs untrusted test code. Knows nothing of models or datasets: a request goes in, a verdict comes out.

`spec` has the records and the `Sandbox` protocol, `docker` and `local` are its drivers, `verdict` decides, `splice`
puts a prediction in the place of a target, `cheats` names what is no answer, `judging` asks for the evidence that a
pass needs. What runs inside a box is in `inside`. docs/security.md says what all this protects from, and what not.
"""
