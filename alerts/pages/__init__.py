"""The squad's pages: my cases on a phone, one case with its trail. The shell mounts them."""

from alerts.pages.router import create_router

__all__ = ["create_router"]
