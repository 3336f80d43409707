"""Plugins: the hooks that they implement, the entries that they register, and the host that finds and keeps them."""

from estibench.host.plugins import Host as Host
from estibench.host.plugins import Plugin as Plugin
from estibench.host.plugins import Registry as Registry
from estibench.host.plugins import current as current
from estibench.host.plugins import start as start
