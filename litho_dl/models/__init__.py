"""Networks, each made by a function without arguments; `registry` names them."""
