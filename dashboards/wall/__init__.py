"""The built-in wall (一张图): one page, one stream of changes, one poller for all walls."""

from dashboards.wall.pages import create_router

__all__ = ["create_router"]
