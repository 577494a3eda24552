"""Where in any model an activation is called: as a module or as a function, one entry per call.

`sites` lists the places; `Interception` stands between a model and each of them while it runs.
"""

from __future__ import annotations

from rectifiers.call_sites._interception import Begin as Begin
from rectifiers.call_sites._interception import Call as Call
from rectifiers.call_sites._interception import End as End
from rectifiers.call_sites._interception import Interception as Interception
from rectifiers.call_sites._known import BASE as BASE
from rectifiers.call_sites._known import activation_of_function as activation_of_function
from rectifiers.call_sites._known import activation_of_module as activation_of_module
from rectifiers.call_sites._running import mapped as mapped
from rectifiers.call_sites._running import random_states as random_states
from rectifiers.call_sites._running import refuse_closed as refuse_closed
from rectifiers.call_sites._running import run as run
from rectifiers.call_sites._running import unchanged as unchanged
from rectifiers.call_sites._stack import ask_while_compiling as ask_while_compiling
from rectifiers.call_sites._stack import caller as caller
from rectifiers.call_sites._stack import setting as setting
from rectifiers.call_sites._stack import within as within
from rectifiers.call_sites._table import Site as Site
from rectifiers.call_sites._table import Sites as Sites
from rectifiers.call_sites._table import Table as Table
from rectifiers.call_sites._table import aligned as aligned
from rectifiers.call_sites._table import deviation as deviation
from rectifiers.call_sites._table import observe as observe
from rectifiers.call_sites._table import sites as sites
