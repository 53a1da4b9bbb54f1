"""botocore's models of the services: their operations, shapes and documentation, read once."""

from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape


@cache
def service_model(name: str) -> ServiceModel:
    """The newest model of a service that this botocore has, such as `batch` or `logs`."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """An operation's model. Raises botocore's OperationNotFoundError."""
    return service_model(service).operation_model(operation)


def input_shape(service: str, operation: str) -> StructureShape | None:
    """What a request has to be like; None where there is nothing to send."""
    return operation_model(service, operation).input_shape


def output_shape(service: str, operation: str) -> StructureShape | None:
    """What an answer has to be like; None where there is nothing to say."""
    return operation_model(service, operation).output_shape
