"""A longer version of the optax example in assets/client/README.md."""

import time

import jax
import jax.numpy as jnp
import optax

import nntop

run = nntop.init()
optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=0.01)
parameters = jnp.zeros(20)
state = optimizer.init(parameters)


@jax.jit
def update(parameters, state, x, y):
    loss, gradient = jax.value_and_grad(lambda p: jnp.mean((x @ p - y) ** 2))(parameters)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(parameters, updates), state, loss


x, y = jax.random.uniform(jax.random.key(0), (640, 20)), jnp.ones(640)
for step in run.steps(range(1_000_000)):
    state = run.inject(state)
    parameters, state, loss = update(parameters, state, x, y)
    run.log({"loss": loss})
    time.sleep(0.002)
