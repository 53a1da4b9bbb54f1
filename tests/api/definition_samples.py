"""Registrations with every member that Batchweb takes, of each kind of definition."""

from typing import Any

AMOUNTS = [
    {"type": "VCPU", "value": "0.5"},
    {"type": "MEMORY", "value": "128"},
    {"type": "GPU", "value": "1"},
]
ROLE = "arn:aws:iam::123456789012:role/worker"

# Of every container.
ENGINE: dict[str, Any] = {
    "command": ["echo", "Ref::what"],
    "environment": [{"name": "A", "value": "b"}, {"name": "EMPTY", "value": ""}],
    "linuxParameters": {
        "devices": [
            {"hostPath": "/dev/a", "containerPath": "/dev/b", "permissions": ["READ", "WRITE"]}
        ],
        "initProcessEnabled": True,
        "sharedMemorySize": 64,
        "tmpfs": [{"containerPath": "/t", "size": 8, "mountOptions": ["noexec"]}],
        "maxSwap": 0,
        "swappiness": 10,
    },
    "logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/own/group", "awslogs-stream-prefix": "own"},
        "secretOptions": [],
    },
    "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": False}],
    "privileged": False,
    "readonlyRootFilesystem": True,
    "resourceRequirements": AMOUNTS,
    "secrets": [{"name": "TOKEN", "valueFrom": "token"}],
    "repositoryCredentials": {"credentialsParameter": "registry"},
    "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
    "user": "nobody",
}
VOLUMES = [{"name": "scratch", "host": {}}, {"name": "data", "host": {"sourcePath": "/data"}}]
FARGATE: dict[str, Any] = {
    "executionRoleArn": ROLE,
    "networkConfiguration": {"assignPublicIp": "DISABLED"},
    "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"},
    "ephemeralStorage": {"sizeInGiB": 30},
    "enableExecuteCommand": False,
}
CONTAINER: dict[str, Any] = {
    "image": "busybox:1.36",
    **ENGINE,
    **FARGATE,
    "volumes": VOLUMES,
    "jobRoleArn": ROLE,
    "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
    "instanceType": "m4.large",
}
TASK: dict[str, Any] = {
    "containers": [
        {"name": "main", "image": "busybox:1.36", "essential": True, **ENGINE},
        {
            "name": "side",
            "image": "busybox:1.36",
            "essential": False,
            "dependsOn": [{"containerName": "main", "condition": "START"}],
            "resourceRequirements": AMOUNTS,
        },
    ],
    "volumes": VOLUMES,
    "taskRoleArn": ROLE,
    "platformVersion": "LATEST",
    "ipcMode": "none",
    **FARGATE,
}
ECS_PROPERTIES = {"taskProperties": [TASK]}
NEEDED = {"consumableResourceList": [{"consumableResource": "licence", "quantity": 2}]}
COMMON: dict[str, Any] = {
    "parameters": {"what": "hello"},
    "schedulingPriority": 7,
    "retryStrategy": {
        "attempts": 3,
        "evaluateOnExit": [
            {
                "onStatusReason": "Host EC2*",
                "onReason": "*",
                "onExitCode": "1*",
                "action": "RETRY",
            },
            {"onReason": "*", "action": "EXIT"},
        ],
    },
    "propagateTags": True,
    "timeout": {"attemptDurationSeconds": 600},
    "tags": {"team": "x", "empty": ""},
    "platformCapabilities": ["EC2"],
    "consumableResourceProperties": NEEDED,
}

PLAIN: dict[str, Any] = {
    "jobDefinitionName": "plain",
    "type": "container",
    "containerProperties": CONTAINER,
    **COMMON,
}
ECS: dict[str, Any] = {
    "jobDefinitionName": "several",
    "type": "container",
    "ecsProperties": ECS_PROPERTIES,
    **COMMON,
}
MULTINODE: dict[str, Any] = {
    "jobDefinitionName": "nodes",
    "type": "multinode",
    "nodeProperties": {
        "numNodes": 3,
        "mainNode": 0,
        "nodeRangeProperties": [
            {
                "targetNodes": "0:0",
                "container": CONTAINER,
                "instanceTypes": ["m4.large"],
                "consumableResourceProperties": NEEDED,
            },
            {"targetNodes": "1:", "ecsProperties": ECS_PROPERTIES},
        ],
    },
    **COMMON,
}
