"""Packages: zips of code and layers, their names, their checks, and where they are looked for.

Contract: pure but for the port ``store.PackageStore``. Its drivers are in ``stores``; gateways take
uploads and serve downloads (``gateway.packages``), the controller asks them what is missing
(``controller.packages``), and local mode looks into its own directory (``local.availability``).
"""
