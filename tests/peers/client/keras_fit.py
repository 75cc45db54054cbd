"""A longer version of the Keras example in assets/client/README.md."""

import time

import keras
import numpy as np

import nntop


class Slow(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(0.002)


x, y = np.random.rand(640, 20), np.random.rand(640, 1)
model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
model.fit(x, y, epochs=1_000_000, verbose=0, callbacks=[Slow(), nntop.KerasCallback()])
print("fit returned")
