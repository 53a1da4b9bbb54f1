"""The protocols of AWS's services, each in a module."""
